# Words: a text set with its classifier, and the scores of every method on its texts.


# Make a text set and train its classifier.
use rule job as words_train with:
    input:
        fetching("text", paths.TEXTS),
    output:
        texts=paths.TEXTS,
        weights=paths.TEXT_WEIGHTS,
    resources:
        **asks(3000, 120, gpu=True),


# Explain texts by every method, and score the importance of their words.
use rule job as words with:
    input:
        texts=paths.TEXTS,
        weights=paths.TEXT_WEIGHTS,
    output:
        table=paths.WORDS,
    resources:
        **asks(3000, 240, gpu=True),
