# A shell script that uses the token, and reports a dead one. client.sh URL STOP-FILE
while [ ! -e "$2" ]; do
  token=$(dotdog get ACCESS_TOKEN) || echo "failed get"
  answer=$(curl -s "$1/cgi-bin/getcallbackip?access_token=$token")
  case "$answer" in
    *40001*|*42001*|*40014*) printf '%s' "$token" | dotdog refresh ACCESS_TOKEN --rejected - >/dev/null || echo "failed refresh" ;;
    *ip_list*) echo "used $token" ;;
    *) echo "failed call" ;;
  esac
  sleep 0.2
done
