"""What the shortened texts are worth: saved tokens, what stays visible, and whether anything false is said.

Everything is measured on the shared corpus beside the checkout, by checks that share nothing with the compressors: they
read the texts as a reader would, or come from the tests. Peers run on the same inputs, each in an environment of its
own, and are skipped by name where they cannot be installed.
"""
