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
use rule job as download_data with:
    input:
        fetching("dataset", paths.DOWNLOAD),
    output:
        note=paths.DOWNLOAD,
    localrule: True
    resources:
        **asks(2000, 600),


# Generate training and test images, or read them from files: together, as they are built together.
use rule job as data with:
    input:
        downloaded,
    output:
        train=paths.TRAIN,
        test=paths.TEST,
    priority: early(paths.TRAIN)
    resources:
        **asks(4000, 60),


# Generate the test images that keep the shortcut of the training images.
use rule job as data_biased with:
    output:
        images=paths.TEST_BIASED,
    resources:
        **asks(4000, 60),


# What training images have in common: colours and mean spectrum, for pictures of features.
use rule job as spectrum with:
    input:
        train=paths.TRAIN,
    output:
        spectrum=paths.SPECTRUM,
    resources:
        **asks(2000, 480),


# Choose the test images that are explained.
use rule job as select_images with:
    input:
        test=paths.TEST,
    output:
        images=paths.EXPLAINED,
    priority: early(paths.EXPLAINED)
    resources:
        **asks(2000, 30),
