#!/usr/bin/env bash
# The state of a Slurm job in the words that cluster-generic expects: running, success or failed.
# `scontrol` knows a job for MinJobAge seconds (300 by default) after it ended; `sacct` for ever.
job=$1
state=$(scontrol show job "$job" 2>/dev/null | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p')
[ -n "$state" ] || state=$(sacct -j "$job" -X -n -o state 2>/dev/null | tr -d ' ')
case $state in
    COMPLETED) echo success ;;
    "" | PENDING | CONFIGURING | RUNNING | COMPLETING | SUSPENDED | REQUEUED | STAGE_OUT) echo running ;;
    *) echo failed ;;
esac
