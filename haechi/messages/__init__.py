"""The words of Haechi: every text that a person reads, one folder a language."""
