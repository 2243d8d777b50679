/* Two trace sessions and two providers, in the structures of mingw's evntrace.h: Wine itself has none. */
#include <windows.h>
#include <string.h>
#include <evntrace.h>

static const GUID AUDIT = {0x54849625, 0x5478, 0x4994, {0xa5, 0xba, 0x3e, 0x3b, 0x03, 0x28, 0xc3, 0x0d}};
static const GUID SILENT = {0x11111111, 0x2222, 0x3333, {0x44, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55}};

__declspec(dllexport) ULONG WINAPI QueryAllTracesW(EVENT_TRACE_PROPERTIES **all, ULONG room, ULONG *count) {
  static const WCHAR *names[] = {L"EventLog-Security", L"NT Kernel Logger"};
  static const WCHAR *files[] = {L"", L"C:\\kernel.etl"};
  for (ULONG n = 0; n < 2 && n < room; n++) {
    EVENT_TRACE_PROPERTIES *one = all[n];
    if (one->Wnode.BufferSize < sizeof *one + 2048) return ERROR_BAD_LENGTH;
    one->Wnode.HistoricalContext = 0x1234000000000003ULL + 4 * n;
    one->BufferSize = 64;
    one->LogFileMode = n ? EVENT_TRACE_FILE_MODE_CIRCULAR : EVENT_TRACE_REAL_TIME_MODE;
    one->EnableFlags = n ? EVENT_TRACE_FLAG_PROCESS : 0;
    one->NumberOfBuffers = 8 + n;
    one->EventsLost = 5 * n;
    one->RealTimeBuffersLost = n;
    one->FlushTimer = 1;
    lstrcpyW((WCHAR *)((char *)one + one->LoggerNameOffset), names[n]);
    lstrcpyW((WCHAR *)((char *)one + one->LogFileNameOffset), files[n]);
  }
  *count = 2;
  return ERROR_SUCCESS;
}

__declspec(dllexport) ULONG WINAPI EnumerateTraceGuidsEx(TRACE_QUERY_INFO_CLASS question, void *in, ULONG given, void *out, ULONG room, ULONG *size) {
  if (question == TraceGuidQueryList) {
    *size = 2 * sizeof(GUID);
    if (room < *size) return ERROR_INSUFFICIENT_BUFFER;
    memcpy(out, &AUDIT, sizeof AUDIT);
    memcpy((GUID *)out + 1, &SILENT, sizeof SILENT);
    return ERROR_SUCCESS;
  }
  TRACE_GUID_INFO *info = out;
  TRACE_PROVIDER_INSTANCE_INFO *one = (void *)(info + 1);
  if (given != sizeof(GUID)) return ERROR_INVALID_PARAMETER;
  memset(out, 0, 200);
  info->InstanceCount = 1;
  one->Pid = 612;
  *size = sizeof *info + sizeof *one;
  if (!memcmp(in, &AUDIT, sizeof AUDIT)) {
    TRACE_ENABLE_INFO *heard = (void *)(one + 1);
    info->InstanceCount = 2;
    one->EnableCount = 2;
    heard[0].IsEnabled = 1;
    heard[0].Level = 4;
    heard[0].LoggerId = 3;
    heard[0].MatchAnyKeyword = 0x8000000000000010ULL;
    heard[1].IsEnabled = 1;
    heard[1].Level = 255;
    heard[1].LoggerId = 40;
    one->NextOffset = sizeof *one + 2 * sizeof *heard;
    TRACE_PROVIDER_INSTANCE_INFO *next = (void *)((char *)one + one->NextOffset);
    next->Pid = 700;
    *size += one->NextOffset;
  }
  return ERROR_SUCCESS;
}
