"""A fleet that is not there: recorded profiles of real programs, served for many processes.

The targets are simulated; everything that is measured is real: the collector's process, the
broker, the workers, the lake. See README.md beside this package.
"""
