"""The replication of the thesis: experiments, claims, figures and tables, a folder a chapter.

A chapter imports the library `sparks` and `sparks_thesis.common`, never another chapter; `overview`
joins what all chapters found. In a chapter's folder, where it needs them:

    study, benchmark, …   what is measured beside the scores of maps
    claims                published claims as checks of tidy tables
    figure_*, figures     figures of the thesis, drawn from artifacts only
    table_*, tables       its tables, made from artifacts only
"""
