"""Readers of program files: PE, ELF and Mach-O, their signatures, and the catalogs that sign files which have none.

All of them get bytes and return facts; none opens a file, none runs anything. They read headers and tables with `struct`, not with pefile,
pyelftools, LIEF or signify: pefile takes ten times as long for the libraries of Wine, because it makes an object of each import and export;
signify does not import beside OpenSSL 3.0.10 and later. Every loop here has a bound, so that a table with
a false count costs no more than a true one. The tests compare the results with pefile, pyelftools, readelf and osslsigncode.
"""
