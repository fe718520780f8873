"""``python -m goleakprobe``."""

from goleakprobe.cli import main

if __name__ == "__main__":
    main()
