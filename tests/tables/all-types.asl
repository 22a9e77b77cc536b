/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One of each structure and scope type that iasl 20200925 knows, in a segment that is not 0, with
 * values whose bytes are all different, and with a path of three hops. The size byte of the unit
 * has to stay 0: iasl calls it reserved and writes nothing else.
 */
[0004]                          Signature : "DMAR"
[0004]                       Table Length : 00000000
[0001]                           Revision : 02
[0001]                           Checksum : 00
[0006]                             Oem ID : "UDMAR "
[0008]                       Oem Table ID : "ALLTYPES"
[0004]                       Oem Revision : 00000001
[0004]                    Asl Compiler ID : "INTL"
[0004]              Asl Compiler Revision : 00000001

[0001]                 Host Address Width : 2F
[0001]                              Flags : 07
[0010]                           Reserved : 00 00 00 00 00 00 00 00 00 00

[0002]                      Subtable Type : 0000
[0002]                             Length : 003C
[0001]                              Flags : 01
[0001]                           Reserved : 00
[0002]                 PCI Segment Number : 1234
[0008]              Register Base Address : 0000123456789000

[0001]                  Device Scope Type : 01
[0001]                       Entry Length : 08
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 00
[0001]                     PCI Bus Number : 00
[0002]                           PCI Path : 02,00

[0001]                  Device Scope Type : 02
[0001]                       Entry Length : 0C
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 00
[0001]                     PCI Bus Number : 40
[0002]                           PCI Path : 01,02
[0002]                           PCI Path : 03,04
[0002]                           PCI Path : 05,06

[0001]                  Device Scope Type : 03
[0001]                       Entry Length : 08
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 08
[0001]                     PCI Bus Number : F0
[0002]                           PCI Path : 1F,00

[0001]                  Device Scope Type : 04
[0001]                       Entry Length : 08
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 01
[0001]                     PCI Bus Number : F0
[0002]                           PCI Path : 0F,00

[0001]                  Device Scope Type : 05
[0001]                       Entry Length : 08
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 07
[0001]                     PCI Bus Number : 00
[0002]                           PCI Path : 15,01

[0002]                      Subtable Type : 0001
[0002]                             Length : 0020
[0002]                           Reserved : 0000
[0002]                 PCI Segment Number : 1234
[0008]                       Base Address : 0000000123456000
[0008]                End Address (limit) : 00000001234ABFFF

[0001]                  Device Scope Type : 01
[0001]                       Entry Length : 08
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 00
[0001]                     PCI Bus Number : 00
[0002]                           PCI Path : 02,00

[0002]                      Subtable Type : 0002
[0002]                             Length : 0010
[0001]                              Flags : 00
[0001]                           Reserved : 00
[0002]                 PCI Segment Number : 1234

[0001]                  Device Scope Type : 02
[0001]                       Entry Length : 08
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 00
[0001]                     PCI Bus Number : 40
[0002]                           PCI Path : 01,02

[0002]                      Subtable Type : 0003
[0002]                             Length : 0014
[0004]                           Reserved : 00000000
[0008]                       Base Address : 0000123456789000
[0004]                   Proximity Domain : 89ABCDEF

[0002]                      Subtable Type : 0004
[0002]                             Length : 0017
[0003]                           Reserved : 000000
[0001]                      Device Number : 07
[0015]                        Device Name : "\_SB.PCI0.I2C1"
