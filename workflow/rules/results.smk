# Results: one tidy table per experiment, and the thesis's figures and tables drawn from artifacts.


# Put all numbers of an experiment into one tidy table.
rule collect:
    input:
        scores=lambda wildcards: dag.scores(CFG, wildcards.experiment),
    output:
        table=paths.EXPERIMENT,
    log:
        paths.log("collect", "experiment"),
    benchmark:
        paths.benchmark("collect", "experiment")
    localrule: True
    conda:
        "../../environment.yml"
    resources:
        **asks(2000, 30),
    params:
        **made_of("collect"),
    script:
        "../../scripts/collect.py"


FIGURE = dag.templates("figure")
TABLE = dag.templates("table")
CAPTION = "../report/item.rst"


# Draw a figure.
rule figure:
    input:
        unpack(item_inputs),
    output:
        pdf=FIGURE["pdf"],
        png=report(FIGURE["png"], caption=CAPTION, category=chapter, labels=labels),
        caption=FIGURE["caption"],
    log:
        paths.log("figure", "item"),
    benchmark:
        paths.benchmark("figure", "item")
    priority: early(FIGURE["png"])
    localrule: True
    conda:
        "../../environment.yml"
    resources:
        **asks(3000, 30),
    params:
        **made_of("figure"),
    script:
        "../../scripts/figure.py"


# Make a table.
rule table:
    input:
        unpack(item_inputs),
    output:
        csv=report(TABLE["csv"], caption=CAPTION, category=chapter, labels=labels),
        md=TABLE["md"],
        tex=TABLE["tex"],
        html=report(TABLE["html"], caption=CAPTION, category=chapter, labels=labels),
        caption=TABLE["caption"],
    log:
        paths.log("table", "item"),
    benchmark:
        paths.benchmark("table", "item")
    localrule: True
    conda:
        "../../environment.yml"
    resources:
        **asks(2000, 30),
    params:
        **made_of("table"),
    script:
        "../../scripts/table.py"
