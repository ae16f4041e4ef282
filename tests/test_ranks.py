"""All ranks end together."""

import pytest

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.ranks import check_on_main_rank


def outcome(rank, kind):
    """What a rank raises when the main one alone finds something."""

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
