"""The command line ``tinygrad-jp``: ``program.py`` lists the commands; the work of each is in a module of its own."""
