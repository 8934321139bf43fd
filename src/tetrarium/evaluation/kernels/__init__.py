"""Compiled policies: linear controllers and small networks that play without leaving native code."""
