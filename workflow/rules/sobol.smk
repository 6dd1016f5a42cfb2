# Sobol: budgets of black boxes, sequences and estimators, one image step by step.


# First- and total-order Sobol indices of every cell, from one design.
use rule job as indices with:
    input:
        images=paths.EXPLAINED,
        weights=paths.WEIGHTS,
    output:
        table=paths.INDICES,
    resources:
        **asks(3000, 120, gpu=True),


# Faithfulness of black-box methods at several budgets of forward passes.
use rule job as budget with:
    input:
        images=paths.EXPLAINED,
        weights=paths.WEIGHTS,
    output:
        table=paths.BUDGET,
        cost=paths.BUDGET_COST,
    resources:
        **asks(4000, 480, gpu=True),


# Total indices of images by every sequence and estimator.
use rule job as samplers with:
    input:
        images=paths.EXPLAINED,
        weights=paths.WEIGHTS,
    output:
        table=paths.SAMPLERS,
    resources:
        **asks(3000, 480, gpu=True),


# The same on functions whose indices are known.
use rule job as samplers_analytic with:
    output:
        table=paths.SAMPLERS_ANALYTIC,
    resources:
        **asks(3000, 60),


# One image explained by Sobol indices, every step kept.
use rule job as walkthrough with:
    input:
        images=paths.EXPLAINED,
        weights=paths.WEIGHTS,
    output:
        steps=paths.WALKTHROUGH,
    priority: early(paths.WALKTHROUGH)
    resources:
        **asks(3000, 30, gpu=True),
