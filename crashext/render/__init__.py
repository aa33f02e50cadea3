# SPDX-License-Identifier: GPL-2.0-or-later
"""Turns an Explanation into text for a person or JSON for a program."""
