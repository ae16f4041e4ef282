"""Helpers shared by tests of datasets."""

import pytest


@pytest.fixture
def write(tmp_path):
    def write(text, name='list.txt'):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write
