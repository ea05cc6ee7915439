"""A Python program, with the standard library only, that uses the token. client.py URL STOP-FILE"""
import json, os, subprocess, sys, time, urllib.request

url, stop = sys.argv[1:]
while not os.path.exists(stop):
    got = subprocess.run(["dotdog", "get", "-n", "ACCESS_TOKEN"], stdout=subprocess.PIPE, text=True)
    token = got.stdout
    with urllib.request.urlopen(f"{url}/cgi-bin/getcallbackip?access_token={token}") as response:
        answer = json.load(response)
    if answer.get("errcode") in (40001, 40014, 42001):
        reported = subprocess.run(["dotdog", "refresh", "ACCESS_TOKEN", "--rejected", "-"], input=token, text=True, stdout=subprocess.DEVNULL)
        if reported.returncode != 0:
            print("failed refresh", flush=True)
    else:
        print(f"used {token}" if "ip_list" in answer else "failed call", flush=True)
    time.sleep(0.2)
