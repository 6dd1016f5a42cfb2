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
    resources:
        **asks(2000, 600),
    params:
        **made_of("download_data"),
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
    resources:
        **asks(4000, 60),
    params:
        **made_of("data"),
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
    resources:
        **asks(2000, 480),
    params:
        **made_of("spectrum"),
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
    resources:
        **asks(2000, 30),
    params:
        **made_of("select_images"),
    script:
        "../../scripts/select_images.py"
