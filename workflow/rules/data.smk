# Data: every split of every data set as one artifact, and the images that are explained.


# Fetch all that is public and that the chosen experiments need, and say what the user must bring.
# Once it is done, no job needs a network.
rule download:
    input:
        whole(downloads.notes(CFG)),
    log:
        paths.log("download"),
    localrule: True
    params:
        bring=downloads.to_bring(CFG),
    shell:
        "printf 'to bring: %s\\n' {params.bring:q} | tee {log}"


# Fetch a data set. Needs a network, so it runs where Snakemake runs: on a cluster, the head node.
rule download_data:
    input:
        fetching("dataset", paths.DOWNLOAD),
    output:
        note=paths.DOWNLOAD,
    log:
        paths.log("download_data", "dataset"),
    benchmark:
        paths.benchmark("download_data", "dataset")
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(2000),
        runtime=600,
    params:
        cfg=cfg_of("download_data"),
        code=code_of("download_data"),
    script:
        "../../scripts/download_data.py"


# Generate a split, or read it from files.
rule data:
    input:
        downloaded,
    output:
        images=paths.DATA,
    log:
        paths.log("data", "dataset", "split"),
    benchmark:
        paths.benchmark("data", "dataset", "split")
    priority: early(paths.DATA)
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(4000),
        runtime=60,
    params:
        cfg=cfg_of("data"),
        code=code_of("data"),
    script:
        "../../scripts/data.py"


# What training images have in common: colours and mean spectrum, for pictures of features.
rule spectrum:
    input:
        train=paths.TRAIN,
    output:
        spectrum=paths.SPECTRUM,
    log:
        paths.log("spectrum", "dataset"),
    benchmark:
        paths.benchmark("spectrum", "dataset")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(2000),
        runtime=480,
    params:
        cfg=cfg_of("spectrum"),
        code=code_of("spectrum"),
    script:
        "../../scripts/spectrum.py"


# Choose the test images that are explained.
rule select_images:
    input:
        test=paths.TEST,
    output:
        images=paths.EXPLAINED,
    log:
        paths.log("select_images", "dataset"),
    benchmark:
        paths.benchmark("select_images", "dataset")
    priority: early(paths.EXPLAINED)
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(2000),
        runtime=30,
    params:
        cfg=cfg_of("select_images"),
        code=code_of("select_images"),
    script:
        "../../scripts/select_images.py"
