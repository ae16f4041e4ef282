"""A process that has imported everything, and forks for every script a test runs.

Importing torch and mmpretrain takes longer than most of these runs.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import warnings


class Zygote:
    """Runs Python scripts, each in a fork of a process that has the imports behind it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, argv, cwd, env, output, timeout):
        """Run a script with its output in a file; returns the exit code."""
        request = dict(argv=argv, cwd=cwd, env=env, output=output, timeout=timeout)
        self.process.stdin.write(json.dumps(request) + '\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def serve() -> None:
    """Fork for every request."""
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    warnings.simplefilter('ignore')
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)  # what imports print is no answer
    import mmpretrain.apis  # noqa: F401
    import torch

    import mmlt_plugin.scripts.cli  # noqa: F401
    from tests import fast_mmengine

    torch.set_num_threads(1)
    fast_mmengine.install()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            run_script(request)
        signal.signal(
            signal.SIGALRM, lambda *_, pid=child: os.killpg(pid, signal.SIGKILL)
        )
        signal.alarm(request['timeout'])
        _, status = os.waitpid(child, 0)
        signal.alarm(0)
        answers.write(json.dumps(os.waitstatus_to_exitcode(status)) + '\n')
        answers.flush()


def run_script(request: dict) -> None:
    """Become the script; never returns."""
    os.setsid()
    output = os.open(request['output'], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.chdir(request['cwd'])
    os.environ.clear()
    os.environ.update(request['env'])
    sys.stdin = open(os.devnull)  # noqa: SIM115
    sys.argv = request['argv']
    sys.path.insert(0, os.path.dirname(sys.argv[0]))  # as Python does
    code = 1
    try:
        runpy.run_path(sys.argv[0], run_name='__main__')
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == '__main__':
    serve()
