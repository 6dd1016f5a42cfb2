# Results: one tidy table per experiment, and the thesis's figures and tables drawn from artifacts.


def scores_of(wildcards):
    """Everything an experiment measured."""
    return grid.scores(CFG, wildcards.experiment)


# Put all numbers of an experiment into one tidy table.
rule collect:
    input:
        scores=scores_of,
    output:
        table=places.EXPERIMENT,
    log:
        places.log("collect", "experiment"),
    benchmark:
        places.benchmark("collect", "experiment")
    params:
        cfg=cfg_of("collect"),
        code=code_of("collect"),
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    localrule: True
    script:
        "../../scripts/collect.py"


def item_inputs(wildcards):
    """What a figure or table is drawn from."""
    return grid.item_inputs(CFG, wildcards.item)


def chapter(wildcards):
    """The part of the thesis that a figure or table belongs to: its category in the report."""
    return CFG["items"][wildcards.item].chapter


def labels(wildcards):
    """How a figure or table is named in the report."""
    return {"item": wildcards.item, "title": CFG["items"][wildcards.item].title}


FIGURE = grid.templates("figure")
TABLE = grid.templates("table")
CAPTION = "../report/item.rst"


# Draw a figure.
rule figure:
    input:
        unpack(item_inputs),
    output:
        pdf=FIGURE["pdf"],
        png=report(
            FIGURE["png"], caption=CAPTION, category=chapter, labels=labels
        ),
        caption=FIGURE["caption"],
    log:
        places.log("figure", "item"),
    benchmark:
        places.benchmark("figure", "item")
    params:
        cfg=cfg_of("render"),
        code=code_of("render"),
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
    localrule: True
    script:
        "../../scripts/render.py"


# Make a table.
rule table:
    input:
        unpack(item_inputs),
    output:
        csv=report(
            TABLE["csv"], caption=CAPTION, category=chapter, labels=labels
        ),
        md=TABLE["md"],
        tex=TABLE["tex"],
        html=report(
            TABLE["html"], caption=CAPTION, category=chapter, labels=labels
        ),
        caption=TABLE["caption"],
    log:
        places.log("table", "item"),
    benchmark:
        places.benchmark("table", "item")
    params:
        cfg=cfg_of("render"),
        code=code_of("render"),
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    localrule: True
    script:
        "../../scripts/render.py"
