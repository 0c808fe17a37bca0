"""The command line: options and help here, work in the workflows."""
