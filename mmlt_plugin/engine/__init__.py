"""Hooks, loops and optimizer wrappers."""

from .hooks import *
from .loops import *
from .optimizers import *
