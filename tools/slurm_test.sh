#!/usr/bin/env bash
# On a Slurm cluster: tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options of test.py]
# GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS in the environment.
set -euo pipefail
[ $# -ge 4 ] || { sed -n 2,3p "$0" >&2; exit 2; }
exec "$(dirname "$0")/slurm_run.sh" "$1" "$2" "$(dirname "$0")/test.py" "${@:3}"
