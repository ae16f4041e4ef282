"""BBN's study of features and classifiers: its trainings, table and picture."""

from pathlib import Path

import numpy as np
import pytest


def test_table_and_picture_of_the_study(tmp_path):
    import tools.analysis.representation_study as study

    cells = {(f, c): 40.0 + i for i, f in enumerate(study.WAYS) for c in study.WAYS}
    cells['BBN-CB', 'ce'] = 41.11
    study.write(tmp_path, 'cifar100', cells)
    table = (tmp_path / 'study_cifar100.md').read_text()
    assert '| RS | 58.00 | 58.00 | 58.00 |' in table
    assert '| BBN-CB | 58.89 |  |  |' in table
    assert (tmp_path / 'study_cifar100.png').stat().st_size > 5000


def test_the_study_builds_on_its_features(tmp_path):
    import tools.analysis.representation_study as study

    features = study.feature_jobs(tmp_path, ['--amp'])
    for job in features.values():
        folder = Path(job.work_dir)
        folder.mkdir()
        (folder / 'last_checkpoint').write_text(f'{folder}/epoch_200.pth')
        assert Path(job.config).exists()
    jobs = study.classifier_jobs(tmp_path, 'cifar100', features, ['--amp'])
    assert len(jobs) == 11
    for (feature, _), job in jobs.items():
        assert Path(job.config).exists()
        source = 'bbn' if feature.startswith('BBN') else feature
        assert (
            job.options[-1] == f'load_from={tmp_path}/features-{source}/epoch_200.pth'
        )
    assert len({job.work_dir for job in jobs.values()}) == 11
    assert len(study.classifier_jobs(tmp_path, 'cifar10', features, [])) == 9
    assert np.unique([job.options[0] for job in jobs.values()]) == ['--amp']


@pytest.mark.parametrize('name', ['my study', 'a,b', 'a[b]'])
def test_a_folder_that_options_cannot_pass(name, run_tool, tmp_path):
    output = run_tool(
        'analysis/representation_study.py', tmp_path / name, work_dir=False, expect=2
    )
    assert 'choose another folder' in output
    assert not (tmp_path / name).exists()
