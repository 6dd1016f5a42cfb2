# Words: a text set with its classifier, and the scores of every method on its texts.


# Make a text set and train its classifier.
rule words_train:
    input:
        fetching("text", paths.TEXTS),
    output:
        texts=paths.TEXTS,
        weights=paths.TEXT_WEIGHTS,
    log:
        paths.log("words_train", "text", "seed"),
    benchmark:
        paths.benchmark("words_train", "text", "seed")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(3000),
        runtime=120,
        gpu=one_gpu,
    params:
        cfg=cfg_of("words_train"),
        code=code_of("words_train"),
    script:
        "../../scripts/words_train.py"


# Explain texts by every method, and score the importance of their words.
rule words:
    input:
        texts=paths.TEXTS,
        weights=paths.TEXT_WEIGHTS,
    output:
        table=paths.WORDS,
    log:
        paths.log("words", "text", "seed"),
    benchmark:
        paths.benchmark("words", "text", "seed")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubling(3000),
        runtime=240,
        gpu=one_gpu,
    params:
        cfg=cfg_of("words"),
        code=code_of("words"),
    script:
        "../../scripts/words.py"
