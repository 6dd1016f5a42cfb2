"""Digits and small 1-Lipschitz networks: those of the library's tests."""

from lipschitz.conftest import digits, images, networks

__all__ = ["digits", "images", "networks"]
