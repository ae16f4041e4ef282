#!/usr/bin/env bash
# Start GPUS processes of a script, for dist_train.sh and dist_test.sh:
# tools/dist_run.sh GPUS SCRIPT [its arguments]
set -euo pipefail
export PYTHONPATH="$(cd "$(dirname "$0")/.." && pwd)${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$1" \
    "${@:2}" --launcher pytorch
