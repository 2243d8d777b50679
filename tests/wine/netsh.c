/* A made-up netsh: it takes the four commands that HUNTER gives, and writes what the Windows firewall writes into the registry.
   "advfirewall firewall add rule name=N dir=D action=block remoteip=R ..."   a value of FirewallRules
   "advfirewall firewall delete rule name=N"                                 every value with that name goes; 1 where there is none
   "advfirewall set P state on|off"                                          EnableFirewall of the profile
   Every call is a line of C:\netsh.log. */
#include <stdio.h>
#include <string.h>
#include <windows.h>

#define POLICY "SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy"

static const char *word(int argc, char **argv, const char *name) {
  for (int n = 1; n < argc; n++)
    if (!strncmp(argv[n], name, strlen(name))) return argv[n] + strlen(name);
  return "";
}

int main(int argc, char **argv) {
  static char data[30000], value[30000], name[300];
  HKEY key;
  FILE *log = fopen("C:\\netsh.log", "a");
  for (int n = 1; n < argc; n++) fprintf(log, "%s%s", argv[n], n + 1 < argc ? " " : "\n");
  fclose(log);
  if (argc < 4 || strcmp(argv[1], "advfirewall")) return 1;
  if (!strcmp(argv[2], "set")) {
    const char *of = !strcmp(argv[3], "privateprofile") ? "StandardProfile" : !strcmp(argv[3], "domainprofile") ? "DomainProfile" : "PublicProfile";
    DWORD on = !strcmp(argv[5], "on");
    sprintf(name, "%s\\%s", POLICY, of);
    RegCreateKeyA(HKEY_LOCAL_MACHINE, name, &key);
    return RegSetValueExA(key, "EnableFirewall", 0, REG_DWORD, (BYTE *)&on, 4) != 0;
  }
  RegCreateKeyA(HKEY_LOCAL_MACHINE, POLICY "\\FirewallRules", &key);
  if (!strcmp(argv[3], "add")) {
    if (!*word(argc, argv, "remoteip=")) return 1;
    sprintf(data, "v2.30|Action=Block|Active=TRUE|Dir=%s|RA4=%s|Name=%s|", !strcmp(word(argc, argv, "dir="), "in") ? "In" : "Out",
            word(argc, argv, "remoteip="), word(argc, argv, "name="));
    sprintf(name, "{%s}", word(argc, argv, "dir="));
    return RegSetValueExA(key, name, 0, REG_SZ, (BYTE *)data, strlen(data) + 1) != 0;
  }
  int gone = 0;
  sprintf(data, "|Name=%s|", word(argc, argv, "name="));
  for (DWORD n = 0;;) {
    DWORD length = sizeof name, size = sizeof value, kind;
    if (RegEnumValueA(key, n, name, &length, 0, &kind, (BYTE *)value, &size)) break;
    if (strstr(value, data) && !RegDeleteValueA(key, name)) gone++;
    else n++;
  }
  return !gone;
}
