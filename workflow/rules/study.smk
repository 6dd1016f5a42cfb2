# A study with people (`snakemake study`), and what their answers tell (`snakemake study_results`).


# Fetch jsPsych. Needs a network, so it runs where Snakemake runs: on a cluster, the head node.
use rule job as study_packages with:
    output:
        tarballs=dag.study_tarballs(CFG),
    localrule: True
    resources:
        **asks(2000, 10),


# Choose the images that people see of one model, and explain the examples from cached maps.
use rule job as study_scenario with:
    input:
        unpack(inputs_by(dag.study_inputs)),
    output:
        scenario=paths.STUDY_SCENARIO,
    resources:
        **asks(4000, 60, gpu=True),


# The page, a folder that opens from the file system, the key of its answers, and the preregistration.
use rule job as study with:
    input:
        tarballs=dag.study_tarballs(CFG),
        scenarios=dag.study_scenarios(CFG),
        files=of_checkout(paths.page_files("human_study")),
    output:
        page=directory(paths.STUDY_PAGE),
        key=paths.STUDY_KEY,
        preregistration=paths.STUDY_PREREGISTRATION,
    resources:
        **asks(3000, 30),


# Check the files that participants saved, make a table without names, and measure.
use rule job as study_answers with:
    input:
        key=dag.study_key(CFG),
    output:
        answers=paths.STUDY_ANSWERS,
        rejected=paths.STUDY_REJECTED,
        measures=paths.STUDY_MEASURES,
    localrule: True
    resources:
        **asks(2000, 30),
    params:
        answers=lambda wildcards: folder_digest(CFG.study.answers),


# All that a study gives.
rule study_results:
    input:
        paths.STUDY_REJECTED,
        dag.study_items(CFG),
    localrule: True
