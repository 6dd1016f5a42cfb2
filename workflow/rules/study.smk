# A study with people (`snakemake study`), and what their answers tell (`snakemake study_results`).


# Fetch jsPsych. Needs a network, so it runs where Snakemake runs: on a cluster, the head node.
rule study_packages:
    output:
        tarballs=dag.study_tarballs(CFG),
    log:
        paths.log("study_packages"),
    benchmark:
        paths.benchmark("study_packages")
    localrule: True
    conda:
        "../../environment.yml"
    resources:
        **asks(2000, 10),
    params:
        **made_of("study_packages"),
    script:
        "../../scripts/study_packages.py"


# Choose the images that people see of one model, and explain the examples from cached maps.
rule study_scenario:
    input:
        unpack(inputs_by(dag.study_inputs)),
    output:
        scenario=paths.STUDY_SCENARIO,
    log:
        paths.log("study_scenario", "dataset", "model", "seed"),
    benchmark:
        paths.benchmark("study_scenario", "dataset", "model", "seed")
    conda:
        "../../environment.yml"
    resources:
        **asks(4000, 60, gpu=True),
    params:
        **made_of("study_scenario"),
    script:
        "../../scripts/study_scenario.py"


# The page, a folder that opens from the file system, and the key of its answers.
rule study:
    input:
        tarballs=dag.study_tarballs(CFG),
        scenarios=dag.study_scenarios(CFG),
        files=of_checkout(paths.page_files("human_study")),
    output:
        page=directory(paths.STUDY_PAGE),
        key=paths.STUDY_KEY,
    log:
        paths.log("study"),
    benchmark:
        paths.benchmark("study")
    conda:
        "../../environment.yml"
    resources:
        **asks(3000, 30),
    params:
        **made_of("study"),
    script:
        "../../scripts/study.py"


# Check the files that participants saved, make a table without names, and measure.
rule study_answers:
    input:
        key=dag.study_key(CFG),
    output:
        answers=paths.STUDY_ANSWERS,
        rejected=paths.STUDY_REJECTED,
        measures=paths.STUDY_MEASURES,
    log:
        paths.log("study_answers"),
    benchmark:
        paths.benchmark("study_answers")
    localrule: True
    conda:
        "../../environment.yml"
    resources:
        **asks(2000, 30),
    params:
        **made_of("study_answers"),
        answers=lambda wildcards: folder_digest(CFG.study.answers),
    script:
        "../../scripts/study_answers.py"


# All that a study gives.
rule study_results:
    input:
        paths.STUDY_REJECTED,
        dag.study_items(CFG),
    localrule: True
