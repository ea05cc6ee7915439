const http=require('http'),{fork}=require('child_process')
if(process.argv[2]){const {request}=require('undici');request(process.argv[2]).then(r=>r.body.text()).then(()=>{console.log('done',performance.now());process.on('exit',()=>console.log('exit',performance.now()))})}
else{const s=http.createServer((q,r)=>r.end('x')).listen(0,()=>{const c=fork(__filename,['http://127.0.0.1:'+s.address().port]);c.disconnect();c.on('exit',()=>{s.close()})})}
