#!/usr/bin/env bash
# Start a script on a Slurm cluster, for slurm_train.sh and slurm_test.sh:
# tools/slurm_run.sh PARTITION JOB_NAME SCRIPT [its arguments]
set -euo pipefail
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
export PYTHONPATH="$(cd "$(dirname "$0")/.." && pwd)${PYTHONPATH:+:$PYTHONPATH}"
# shellcheck disable=SC2086 - SRUN_ARGS is several words
exec srun -p "$1" --job-name="$2" --gres="gpu:$GPUS_PER_NODE" --ntasks="$GPUS" \
    --ntasks-per-node="$GPUS_PER_NODE" --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 ${SRUN_ARGS:-} "${PYTHON:-python}" -u "${@:3}" --launcher slurm
