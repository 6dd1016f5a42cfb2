# Sparks of Explainability, end to end. `snakemake --cores all` makes every figure and table.
#
# The configuration is Hydra's tree in config/; Snakemake's own config only adds overrides to it:
#   snakemake --cores all --config scale=smoke 'overrides=[experiment=sobol,explain.n=50]'
from snakemake.utils import min_version

min_version("9.20")


report: "workflow/report/workflow.rst"


# Used with `--software-deployment-method apptainer` only; docs/cluster.md says how to make it.
container: "sparks.sif"


include: "workflow/rules/common.smk"


onstart:
    require_files()
    only_run()
    tidy_up()
    unlimited_rate()


# What to make, and in which order it comes about.
rule all:
    default_target: True
    input:
        whole(dag.targets(CFG)),
    localrule: True


# Every figure, or every table: `snakemake --cores all figures -R figure` draws all of them again.
rule figures:
    input:
        whole(dag.targets(CFG, "figure")),
    localrule: True


rule tables:
    input:
        whole(dag.targets(CFG, "table")),
    localrule: True


include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/attribution.smk"
include: "workflow/rules/studies.smk"
include: "workflow/rules/stability.smk"
include: "workflow/rules/eva.smk"
include: "workflow/rules/words.smk"
include: "workflow/rules/concepts.smk"
include: "workflow/rules/lens.smk"
include: "workflow/rules/study.smk"
include: "workflow/rules/alignment.smk"
include: "workflow/rules/utility.smk"
include: "workflow/rules/results.smk"
