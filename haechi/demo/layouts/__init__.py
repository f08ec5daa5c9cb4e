"""The logs that the demo writes, each in the layout that the real program writes. One file a program."""
