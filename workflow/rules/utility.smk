# Utility: simulated meta-predictors, and the published numbers of people.


# Explain the images of a scenario by every method, and measure what needs no people.
use rule job as utility_maps with:
    input:
        test=paths.TEST,
        weights=paths.WEIGHTS,
    output:
        maps=paths.UTILITY_MAPS,
        table=paths.UTILITY_PROXIES,
    resources:
        **asks(3000, 120, gpu=True),


# Let simulated participants study explanations and predict the model.
use rule job as utility with:
    input:
        maps=paths.UTILITY_MAPS,
    output:
        table=paths.UTILITY,
    resources:
        **asks(2000, 120),


# Recompute Utility, statistics and correlations from what the paper prints.
use rule job as utility_published with:
    input:
        printed=of_checkout(paths.utility_printed()),
    output:
        table=paths.UTILITY_PUBLISHED,
    resources:
        **asks(1000, 30),
