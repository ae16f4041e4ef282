"""Backbones, necks, heads, classifiers, preprocessors, losses and the layers they share."""

from .backbones import *
from .classifiers import *
from .heads import *
from .layers import *
from .losses import *
from .necks import *
from .preprocessors import *
