<?php
// Answers an invitation as Horde's mail program does: the message comes on standard input, the reply goes to standard
// output as it would go over SMTP. Every word of the reply is Horde's.
//
// php horde_answers.php accept|decline|tentative ADDRESS NAME

error_reporting(E_ALL & ~E_DEPRECATED);
set_error_handler(fn () => true, E_WARNING | E_NOTICE | E_DEPRECATED);
spl_autoload_register(function ($name) {
    $path = '/usr/share/php/' . strtr($name, '_\\', '//') . '.php';
    if (is_file($path)) {
        require $path;
    }
});

[, $answer, $address, $name] = $argv;
$types = [
    'accept' => Horde_Itip_Response_Type_Accept::class,
    'decline' => Horde_Itip_Response_Type_Decline::class,
    'tentative' => Horde_Itip_Response_Type_Tentative::class,
];

$message = Horde_Mime_Part::parseMessage(stream_get_contents(STDIN));
$calendar = new Horde_Icalendar();
if (!$calendar->parsevCalendar($message->getPart($message->findBody('calendar'))->getContents())) {
    throw new Exception('Horde does not take the calendar for one');
}
$event = $calendar->findComponent('VEVENT');

$resource = new Horde_Itip_Resource_Base($address, $name);
$options = new Horde_Itip_Response_Options_Horde('UTF-8', []);
$out = new Horde_Mail_Transport_Mock();
Horde_Itip::factory($event, $resource)->sendMultipartResponse(new $types[$answer]($resource), $options, $out);

$sent = $out->sentMessages[0];
$body = is_resource($sent['body']) ? stream_get_contents($sent['body'], -1, 0) : $sent['body'];
fwrite(STDOUT, $sent['header_text'] . "\r\n\r\n" . $body);
