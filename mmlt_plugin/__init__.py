"""Long-tailed recognition for MMPretrain.

Importing the package registers every component in mmpretrain's own registries, so
that ``custom_imports = dict(imports=['mmlt_plugin'], allow_failed_imports=False)`` is
all a config needs.
"""

from . import compat

compat.apply()

from . import datasets, engine, evaluation, models  # noqa: E402
from .version import __version__  # noqa: E402

__all__ = ['__version__', 'compat', 'datasets', 'engine', 'evaluation', 'models']
