"""What reads: a format's description compiled into a kernel that turns bytes into rows; one folder for each shape of log."""
