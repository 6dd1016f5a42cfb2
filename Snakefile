# Lets `snakemake` start at the top of a checkout: the workflow is workflow/Snakefile. An include
# as such would not take over its default target, the rule `all`.
workflow.include("workflow/Snakefile", overwrite_default_target=True)
