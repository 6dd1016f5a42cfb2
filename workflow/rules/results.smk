# Results: one tidy table per experiment, and the thesis's figures and tables drawn from artifacts.


# Put all numbers of an experiment into one tidy table.
use rule job as collect with:
    input:
        scores=lambda wildcards: dag.scores(CFG, wildcards.experiment),
    output:
        table=paths.EXPERIMENT,
    localrule: True
    resources:
        **asks(2000, 30),


FIGURE = dag.templates("figure")
TABLE = dag.templates("table")
CAPTION = "../report/item.rst"


# Draw a figure.
use rule job as figure with:
    input:
        unpack(item_inputs),
    output:
        pdf=FIGURE["pdf"],
        png=report(FIGURE["png"], caption=CAPTION, category=chapter, labels=labels),
        caption=FIGURE["caption"],
    priority: early(FIGURE["png"])
    localrule: True
    resources:
        **asks(3000, 30),


# Make a table.
use rule job as table with:
    input:
        unpack(item_inputs),
    output:
        csv=report(TABLE["csv"], caption=CAPTION, category=chapter, labels=labels),
        md=TABLE["md"],
        tex=TABLE["tex"],
        html=report(TABLE["html"], caption=CAPTION, category=chapter, labels=labels),
        caption=TABLE["caption"],
    localrule: True
    resources:
        **asks(2000, 30),
