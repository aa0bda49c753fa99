"""One module a revision: revision_NUMBER_NAME.py"""
