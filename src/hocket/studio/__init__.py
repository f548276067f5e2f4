"""The local web page where a musician does it all; delete this folder and all else works.

    browser ──http──▶ server (api, safety) ──▶ store (SQLite, files) ◀── worker (learns and fuses)
                          │                                                 ▲ started by keeper
                          └──▶ desk (short-lived work: read uploads, render, engrave)

Surprising decision: the server itself never parses a file, learns or renders. Uploads are read and
exports made in child processes, jobs are done by workers that take them from the store, so the page
answers while all cores learn, and survives what a file or a job does to its process.
"""
