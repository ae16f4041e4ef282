"""Losses, one a file."""

from .reslt_loss import ResLTLoss

__all__ = ['ResLTLoss']
