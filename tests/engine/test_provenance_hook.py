"""A run's provenance is that of this project, whatever surrounds it."""

import subprocess

from mmlt_plugin.engine.hooks import provenance_hook


def test_the_commit_is_not_that_of_a_project_around(tmp_path, monkeypatch):
    """The package may be installed in an environment inside another repository."""
    git = ['git', '-C', str(tmp_path), '-c', 'user.name=a', '-c', 'user.email=b']
    for command in (['init', '-q'], ['commit', '-q', '--allow-empty', '-m', 'c']):
        subprocess.run([*git, *command], check=True)
    monkeypatch.setattr(provenance_hook, 'ROOT', tmp_path)
    assert len(provenance_hook._git('rev-parse', 'HEAD')) == 40
    (tmp_path / 'site-packages').mkdir()
    monkeypatch.setattr(provenance_hook, 'ROOT', tmp_path / 'site-packages')
    assert provenance_hook._git('rev-parse', 'HEAD') == ''
