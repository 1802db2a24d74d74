"""The author's commands, a file each. They read options, and leave the work to the other rooms."""
