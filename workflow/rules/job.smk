# The base of every rule that runs a script: `use rule job as NAME with:`, and what it reads and
# makes. Script, log, benchmark and parameters follow from the name (`complete`).
rule job:
    conda:
        "../envs/jobs.yaml"
    script:
        "../../scripts/{params.script}.py"
