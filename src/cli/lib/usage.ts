export const USAGE = `dotdog: keeps expiring secrets.

  dotdog serve            serves the keys of this machine to other programs and machines
    --config <file>       default: dotdog.config.json in the working folder, if there is one
    --socket <path>       listens at a unix socket (mode 0600); beside a port it is the operator's
    --port <n>            listens on TCP; needs clients in the configuration
    --host <address>      with --port; default 127.0.0.1
    --behind-proxy        a proxy in front has TLS, and names the clients' addresses
    --tls-cert <file>     the server's certificate, in PEM; needs --tls-key
    --tls-key <file>      the key of the certificate, in PEM
    --log [text|json]     writes a line for each request to standard output; json: all lines
  dotdog token <client>   makes a client's token: writes the token to standard output, and its
                          entry for the configuration to standard error
    --keys <names>        the keys it may read, with commas between; "*" and "WX_*" work
    --refresh             it may have values replaced
    --proxy               its calls to other paths of the platform are passed on
  dotdog --help, --version

Exit codes: 0 success, 1 failure, 2 wrong usage or configuration, 3 unreachable.`
