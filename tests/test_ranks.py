"""Errors on one rank end all ranks."""

import pytest

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.ranks import check_on_main_rank, check_same_start


def outcome(rank, kind):
    """The error of a rank if only the main rank finds a mistake."""

    def check():
        assert rank == 0
        if kind is not None:
            raise kind('work_dir is taken')

    try:
        check_on_main_rank(check)
    except Exception as error:
        return type(error), str(error)
    return None


@pytest.mark.parametrize('kind', [ConfigError, OSError])
def test_the_main_rank_speaks_for_all(gloo2, kind):
    assert gloo2.run(outcome, kind) == [
        (kind, 'work_dir is taken'),
        (ConfigError, 'work_dir is taken'),
    ]


def test_nothing_is_wrong(gloo2):
    assert gloo2.run(outcome, None) == [None, None]


def start_of(rank, starts):
    try:
        check_same_start(starts[rank])
    except ConfigError as error:
        return str(error)
    return None


def test_ranks_begin_at_the_same_place(gloo2):
    assert gloo2.run(start_of, [(3, 300), (3, 300)]) == [None, None]
    for message in gloo2.run(start_of, [(3, 300), (0, 0)]):
        assert '[(3, 300), (0, 0)]' in message
