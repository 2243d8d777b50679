/* Wine 8 has no bcryptprimitives.dll, whose ProcessPrng is what wheels built from Rust ask for random bytes: forward it to RtlGenRandom. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    for (; length; ) {
        ULONG part = length > 0x1000000 ? 0x1000000 : (ULONG)length;
        if (!SystemFunction036(buffer, part))
            return FALSE;
        buffer += part;
        length -= part;
    }
    return TRUE;
}
