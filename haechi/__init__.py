"""Haechi (해치, 獬豸): a joint cyber-defence system for Taiwan and the Republic of Korea."""

__version__ = "0.1.0"
