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
    resources:
        **asks(3000, 120, gpu=True),
    params:
        **made_of("words_train"),
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
    resources:
        **asks(3000, 240, gpu=True),
    params:
        **made_of("words"),
    script:
        "../../scripts/words.py"
