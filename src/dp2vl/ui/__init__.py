"""The local web app: one person, one browser, this machine. Pages are drawn here, work is done in another process.

The server never imports torch: `work` runs in a process of its own, which a stop button can end.
"""
